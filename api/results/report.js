"use strict";
document.addEventListener("error", event => {
  const picture = event.target;
  if (picture instanceof HTMLImageElement) picture.replaceWith("in archive.zip");
}, true);

document.addEventListener("DOMContentLoaded", () => {
  const jobs = Array.from(document.querySelectorAll("#jobs > li"), item => ({
    item, state: item.dataset.state, code: item.dataset.code || "",
    text: item.querySelector(".said").textContent.toLowerCase(),
  }));
  const form = document.querySelector("form");
  const {text, state, code} = form.elements;
  const codes = new Set(jobs.map(job => job.code).filter(Boolean));
  for (const each of [...codes].sort()) code.add(new Option(each));
  function choose() {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const job of jobs) {
      const fits = (!state.value || job.state === state.value)
        && (!code.value || job.code === code.value)
        && words.every(word => job.text.includes(word));
      job.item.hidden = !fits;
      shown += fits;
    }
    document.querySelector("output").textContent = `${shown} of ${jobs.length} shown`;
  }
  form.addEventListener("input", choose);
  form.addEventListener("submit", event => event.preventDefault());
  form.hidden = false;
  choose();
});
