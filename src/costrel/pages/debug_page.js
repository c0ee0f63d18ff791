"use strict";
(() => {
  const copy = document.getElementById("copy");
  const unfold = document.getElementById("unfold");
  const report = document.getElementById("report");
  const folded = document.querySelectorAll("details.folded, details.call");
  copy.hidden = false;
  unfold.hidden = folded.length === 0;
  copy.addEventListener("click", async () => {
    const label = copy.textContent;
    try {
      await navigator.clipboard.writeText(report.textContent);
      copy.textContent = "Copied";
    } catch {
      report.parentElement.open = true;
      getSelection().selectAllChildren(report);
      copy.textContent = "Press Ctrl+C";
    }
    setTimeout(() => { copy.textContent = label; }, 1600);
  });
  unfold.addEventListener("click", () => {
    const opens = unfold.getAttribute("aria-pressed") !== "true";
    for (const details of folded) details.open = opens;
    unfold.setAttribute("aria-pressed", String(opens));
    unfold.textContent = opens ? "Fold all calls" : "Show all calls";
  });
})();
