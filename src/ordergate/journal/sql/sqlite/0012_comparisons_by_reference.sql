-- Which order a comparison is about: one that is redacted takes what was compared for it along.

ALTER TABLE comparisons ADD COLUMN reference TEXT;

CREATE INDEX comparisons_by_reference ON comparisons (merchant, world, reference) WHERE reference IS NOT NULL;
