// Returns the texts of plots that leave their plot or cover each other.
const problems = [];
for (const plot of document.querySelectorAll("svg[role=img]")) {
  const outer = plot.getBoundingClientRect();
  const texts = [...plot.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
  texts.forEach(([text, box], place) => {
    if (box.left < outer.left - 1 || box.right > outer.right + 1 || box.bottom > outer.bottom + 2) {
      problems.push(`${plot.ariaLabel}: "${text}" leaves the plot`);
    }
    for (const [other, second] of texts.slice(place + 1)) {
      const across = Math.min(box.right, second.right) - Math.max(box.left, second.left);
      const down = Math.min(box.bottom, second.bottom) - Math.max(box.top, second.top);
      // Line boxes are higher than their letters.
      if (across > 0 && down > 4) problems.push(`${plot.ariaLabel}: "${text}" covers "${other}"`);
    }
  });
}
return problems;
