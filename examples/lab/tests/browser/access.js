// Returns what a reader who does not see the page, or has no mouse, would miss.
const problems = [];
const all = (selector) => [...document.querySelectorAll(selector)];
const check = (fine, problem) => { if (!fine) problems.push(problem); };
const name = (element) =>
  (element.ariaLabel || [...(element.labels || [])].map((label) => label.textContent).join(" ") || element.textContent).trim();

check(document.documentElement.lang, "the document has no language");
check(document.title.trim(), "the document has no title");
for (const selector of ["main", "header", "footer", "h1"]) check(all(selector).length === 1, `not one ${selector}`);
for (const element of all("nav, form, [role=region]")) check(element.ariaLabel, `a ${element.tagName} has no name`);

let level = 0;
for (const heading of all("h1, h2, h3, h4, h5, h6")) {
  const next = Number(heading.tagName[1]);
  check(next <= level + 1, `"${heading.textContent}" skips a level`);
  level = next;
}

for (const element of all("a, button, input, select, summary")) check(name(element), `no name: ${element.outerHTML}`);
for (const input of all("input")) check(input.getBoundingClientRect().height >= 24, `${input.id} is too small to touch`);
for (const element of all("svg")) {
  const part = element.parentElement.closest("svg[role=img]");
  check(part || element.ariaHidden === "true" || (element.role === "img" && element.ariaLabel), "a picture has no text");
}
for (const table of all("table")) {
  check(table.caption || table.closest("[aria-label]"), "a table has no caption");
  check([...table.querySelectorAll("th")].every((cell) => cell.scope), "a heading of a table has no scope");
}
for (const box of all(".scroll")) check(box.tabIndex === 0, "a box that scrolls is out of reach of the keyboard");

const ids = all("[id]").map((element) => element.id);
check(new Set(ids).size === ids.length, "an id stands twice");
for (const link of all("a[href^='#']")) check(ids.includes(link.hash.slice(1)), `${link.hash} leads nowhere`);
for (const label of all("label, output")) check(ids.includes(label.htmlFor.toString()), "a label is of nothing");
return problems;
