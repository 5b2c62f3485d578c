"use strict";
// Shows the drawing of the quota that the sliders stand at. `cells` has the values of
// all drawings in the order of the elements that move.
(() => {
  const data = JSON.parse(document.getElementById("cells").textContent);
  const moving = [...document.querySelectorAll("[data-m]")].map((element) => [element, element.dataset.m.split(" ")]);
  const [amount, burst] = ["amount", "burst"].map((id) => document.getElementById(id));
  let shown = data.base;

  const put = (element, name, value) => {
    if (name !== "text") element.setAttribute(name, value);
    else if (element.textContent !== value) element.textContent = value;
  };

  const show = () => {
    const cell = Number(amount.value) * data.bursts + Number(burst.value);
    if (cell === shown) return;
    shown = cell;
    let next = 0;
    for (const [element, names] of moving) {
      for (const name of names) put(element, name, data.strings[data.cells[cell][next++]]);
    }
  };

  for (const slider of [amount, burst]) slider.addEventListener("input", show);
  document.getElementById("controls").hidden = false;
  // A browser that goes back may have kept the sliders where they were.
  show();
})();
