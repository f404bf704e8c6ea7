"use strict";
// Without this script all is readable, and what is pointed at shows its title after a while. The file is well-formed as
// XML, so the characters of tags and entities do not occur.
(function () {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  for (const title of [...document.querySelectorAll("svg title")]) {
    const of = title.parentNode;
    of.dataset.tip = title.textContent;
    of.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  function place(event) {
    const room = 14, box = tip.getBoundingClientRect();
    const right = event.clientX + room, below = event.clientY + room;
    tip.style.left = Math.max(4, Math.min(right, innerWidth - box.width - 4)) + "px";
    tip.style.top = (below + box.height > innerHeight ? event.clientY - room - box.height : below) + "px";
  }
  document.addEventListener("pointerover", function (event) {
    const of = event.target.closest("[data-tip]");
    tip.hidden = !of;
    if (of) {
      tip.textContent = of.dataset.tip;
      place(event);
    }
  });
  document.addEventListener("pointermove", function (event) {
    if (!tip.hidden) place(event);
  });
  // A click on a form marks it everywhere: in the hall of fame and on the charts.
  let chosen = null;
  document.addEventListener("click", function (event) {
    const of = event.target.closest("[data-id]");
    const id = of ? of.dataset.id : null;
    chosen = id === chosen ? null : id;
    for (const e of document.querySelectorAll("[data-id]")) e.classList.toggle("on", e.dataset.id === chosen);
  });
})();
