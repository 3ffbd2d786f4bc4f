"use strict";
const sheet = document.body.dataset.sheet;
const choices = [...document.querySelectorAll("input[type=radio]")];
const judge = document.getElementById("judge");
const told = document.getElementById("told");
const wanted = document.querySelectorAll("fieldset").length;

function given() {
  const votes = {};
  for (const choice of choices.filter((one) => one.checked)) {
    const [pair, question] = choice.name.split("/");
    (votes[pair] ??= {})[question] = choice.value;
  }
  return { sheet, judge: judge.value.trim(), votes };
}

function show() {
  told.textContent = `${choices.filter((one) => one.checked).length} of ${wanted} votes`;
}

function keep() {
  show();
  try {
    localStorage.setItem(sheet, JSON.stringify(given()));
  } catch {
    told.textContent += ": this browser keeps none, so save before you leave";
  }
}

function restore() {
  let kept = null;
  try {
    kept = JSON.parse(localStorage.getItem(sheet));
  } catch {
    // Without a store, or with a broken one, the page begins anew.
  }
  if (!kept) return;
  judge.value = kept.judge;
  for (const choice of choices) {
    const [pair, question] = choice.name.split("/");
    choice.checked = kept.votes[pair]?.[question] === choice.value;
  }
}

function save() {
  if (!judge.value.trim()) {
    told.textContent = "Give your name or a sign first";
    judge.focus();
    return;
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(given(), null, 1)], { type: "application/json" }));
  link.download = `votes-${judge.value.trim().replace(/[^\p{L}\p{N}]+/gu, "-")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000); // some browsers read it after the click
  show();
}

restore();
show();
for (const input of [...choices, judge]) input.addEventListener("change", keep);
document.getElementById("save").addEventListener("click", save);
