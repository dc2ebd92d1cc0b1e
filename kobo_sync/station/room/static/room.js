// Asks for the board every few seconds and writes it; what does not change stays as it is.
"use strict";

const EVERY_MS = 3000;
const $ = (id) => document.getElementById(id);
let language = "";
let names = {}; // of the languages, by code
let fixed = {};
let title = {};
let board = null;
let etag = "";
let isAway = false;

const t = (key) => (fixed[key] || {})[language] || "";
const counted = (key, n) => `${n} ${t(`${key}_${new Intl.PluralRules(language).select(n)}`) || t(key)}`;
const said = (labels) => (labels || {})[language] || "";

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function bar(n, quota) {
  const meter = element("span", undefined, "bar");
  meter.setAttribute("role", "img");
  meter.setAttribute("aria-label", `${n} ${t("of")} ${quota}`);
  const filled = element("span", undefined, n >= quota ? "full" : "part");
  filled.style.inlineSize = `${Math.min(100, quota ? (100 * n) / quota : 0)}%`;
  meter.append(filled);
  return meter;
}

// Figures read from the left in both languages: 8 / 9 is never 9 / 8.
function figure(text) {
  const made = element("strong", text);
  made.dir = "ltr";
  return made;
}

function tally(heading, rows) {
  const box = element("div", undefined, "tally");
  box.append(element("h3", heading));
  for (const row of rows) {
    const line = element("p");
    line.append(element("span", said(row.name), "name"), figure(row.quota ? `${row.n} / ${row.quota}` : `${row.n}`));
    if (row.quota) line.append(bar(row.n, row.quota));
    box.append(line);
  }
  return box;
}

function zone(each) {
  const card = element("article");
  const head = element("h2");
  head.append(element("span", said(each.name)));
  card.append(head);
  if (each.n_present === null) return card; // a mission that counts nobody
  head.append(" ", figure(each.target ? `${each.n_present} / ${each.target}` : `${each.n_present}`), " ", element("small", t("present")));
  if (each.target) card.append(bar(each.n_present, each.target));
  if (each.groups.length) card.append(tally(t("groups"), each.groups));
  if (each.sessions.length) card.append(tally(t("sessions"), each.sessions));
  return card;
}

function check(each) {
  const item = element("li");
  item.append(
    element("strong", [each.at, said(each.form), said(each.zone)].filter(Boolean).join(" · ")),
    element("span", said(each.message), "what"),
    element("span", t(`todo_${each.rule}`), "todo"),
  );
  return item;
}

function join(each) {
  const way = element("figure");
  const picture = element("img");
  picture.src = `/salle/codes/${each.code}`;
  picture.alt = `${said(each.title)} ${each.text}`;
  const address = element("small", each.text);
  address.dir = "ltr";
  way.append(picture, element("figcaption", said(each.title)), address);
  return way;
}

function choice(code) {
  const button = element("button", names[code]);
  button.type = "button";
  button.lang = code;
  button.addEventListener("click", () => {
    language = code;
    history.replaceState(null, "", `?langue=${code}`);
    write();
  });
  return button;
}

function write() {
  document.documentElement.lang = language;
  document.documentElement.dir = language === "ar" ? "rtl" : "ltr";
  document.title = said(title);
  $("title").textContent = said(title);
  $("languages").replaceChildren(...Object.keys(names).filter((code) => code !== language).map(choice));
  for (const section of ["checks", "arrivals", "forms", "join"]) $(section).querySelector("h2").textContent = t(section);
  $("notice").textContent = isAway ? t("away") : board && board.is_stale ? t("stale") : board && !board.is_loading ? "" : t("loading");
  $("notice").hidden = !$("notice").textContent;
  if (!board) return;
  const counts = [counted("received", board.n)];
  if (board.n_waiting) counts.push(`${board.n_waiting} ${t("waiting")}`);
  if (board.n_refused) counts.push(counted("refused", board.n_refused));
  $("total").textContent = board.is_loading ? "" : counts.join(" · ");
  $("zones").replaceChildren(...board.zones.map(zone));
  $("checks").classList.toggle("calm", board.checks.length === 0);
  $("checks").querySelector("ul").replaceChildren(...(board.checks.length ? board.checks.map(check) : [element("li", t("no_check"), "none")]));
  if (board.n_checks > board.checks.length) $("checks").querySelector("ul").append(element("li", `+ ${board.n_checks - board.checks.length} ${t("more")}`));
  const arrivals = board.arrivals.map((each) => element("li", [each.at, said(each.form), said(each.zone)].filter(Boolean).join(" · ")));
  $("arrivals").querySelector("ol").replaceChildren(...(arrivals.length ? arrivals : [element("li", t("no_arrival"), "none")]));
  $("forms").querySelector("dl").replaceChildren(...board.forms.map((each) => {
    const row = element("div");
    row.append(element("dt", said(each.title)), element("dd", `${each.n}`));
    return row;
  }));
  $("join").classList.toggle("first", board.n === 0); // nobody has come in yet: that is what everybody looks for
  $("codes").replaceChildren(...board.joins.map(join));
  $("pin").replaceChildren(...(board.pin ? [element("span", t("pin")), " ", figure(board.pin)] : []));
  $("fingerprint").textContent = board.fingerprint ? `${t("fingerprint")} ${board.fingerprint}` : "";
  $("updated").textContent = board.as_of ? `${t("updated")} ${board.as_of}` : "";
}

async function ask() {
  const wasAway = isAway;
  let isNew = false;
  try {
    const answer = await fetch("/salle/etat", { headers: etag ? { "If-None-Match": etag } : {}, cache: "no-store" });
    if (answer.status === 200) {
      board = await answer.json();
      isNew = true;
      etag = answer.headers.get("ETag") || "";
    } else if (answer.status !== 304) {
      throw new Error(`${answer.status}`);
    }
    isAway = false;
  } catch {
    isAway = true;
  }
  if (isNew || isAway !== wasAway) write(); // else the pictures would come anew each time
  setTimeout(ask, EVERY_MS);
}

fetch("/salle/textes").then((answer) => answer.json()).then((given) => {
  fixed = given.texts;
  title = given.title;
  names = given.languages;
  const asked = [new URLSearchParams(location.search).get("langue"), ...navigator.languages, given.language];
  language = asked.map((tag) => (tag || "").toLowerCase().split("-")[0]).find((code) => code in names);
  write();
  ask();
});
