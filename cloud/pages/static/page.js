// What a page does better with a script: times in the reader's own zone, all rows chosen
// at once, and problems that are told while the page is open.
"use strict";

const two = (number) => String(number).padStart(2, "0");
const localize = (within) => {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    const day = [moment.getFullYear(), two(moment.getMonth() + 1), two(moment.getDate())];
    time.textContent = `${day.join("-")} ${two(moment.getHours())}:${two(moment.getMinutes())}`;
  }
};
localize(document);
const zone = document.getElementById("zone");
if (zone) zone.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;

// All rows of a table at once; where some are chosen, the box above says neither.
for (const all of document.querySelectorAll("input.all")) {
  const boxes = [...all.closest("table").querySelectorAll("tbody input[type=checkbox]")];
  const tell = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && !all.checked;
  };
  all.hidden = boxes.length < 2;
  all.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; });
  for (const box of boxes) box.addEventListener("change", tell);
  tell();
}

// A page that nobody looks at asks nothing, and one left open stops after an hour: its
// visit shall end when nobody comes back.
const BANNER_MS = 15000;
const AWAY_MS = 3000;
const away = document.getElementById("away");
const banner = document.getElementById("banner");
let looks = away ? 1200 : 240;
const renew = async () => {
  if (document.hidden || looks-- <= 0) return;
  const answer = await fetch(document.getElementById("problems").href).catch(() => null);
  if (away && answer?.redirected) location.replace(location.href);
  const isOurs = answer && !answer.redirected && answer.headers.get("content-type")?.startsWith("text/html");
  if (!isOurs) return;
  const told = new DOMParser().parseFromString(await answer.text(), "text/html").body;
  localize(told);
  // Told again only if it is another: a live region reads out what changes.
  if (told.textContent.trim() !== banner.textContent.trim()) banner.replaceChildren(...told.childNodes);
  // The page that was asked for, once there is one again.
  if (away && answer.ok) location.replace(location.href);
};
if (away) away.textContent = ", which comes by itself once it is back";
if (banner) setInterval(renew, away ? AWAY_MS : BANNER_MS);
