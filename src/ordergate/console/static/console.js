// Keeps what is shown up to date, and takes "/" to the search field. Every page works without it.
"use strict";

const search = document.querySelector("[data-search]");
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.key === "/" && search && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
    search.select?.();
  }
});

const region = document.querySelector("[data-live]");
const told = document.querySelector("[data-live-status]");

// Whoever types, selects or has opened something in the region is not disturbed.
function busy() {
  const selection = document.getSelection();
  const selects = selection && !selection.isCollapsed && region.contains(selection.anchorNode);
  const focused = document.activeElement;
  const types = region.contains(focused) && focused.matches("input, textarea, select");
  return selects || types || document.hidden;
}

async function renew() {
  if (busy()) return;
  let answer;
  try {
    answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
  } catch {
    told.textContent = "Not connected; trying again";
    return;
  }
  if (answer.redirected) {
    location.reload();
    return;
  }
  if (!answer.ok) {
    told.textContent = "Not up to date; trying again";
    return;
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[data-live]");
  if (!fresh || busy()) return;
  const open = new Set([...region.querySelectorAll("details[open][id]")].map((each) => each.id));
  for (const each of fresh.querySelectorAll("details[id]")) each.open = each.open || open.has(each.id);
  const focused = region.contains(document.activeElement) && document.activeElement.getAttribute("href");
  region.replaceChildren(...document.importNode(fresh, true).childNodes);
  if (focused) region.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  told.textContent = page.querySelector("[data-live-status]").textContent;
}

if (region && told) {
  const seconds = Number(region.dataset.live);
  const again = async () => {
    await renew();
    setTimeout(again, seconds * 1000);
  };
  setTimeout(again, seconds * 1000);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) renew();
  });
}
