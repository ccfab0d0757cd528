// Finds the number that a form's challenge asks for (ALTCHA, version 1), and puts it into the form before it is sent.
"use strict";
(() => {
  const form = document.querySelector("form[data-altcha]");
  if (!form) return;
  for (const note of document.querySelectorAll("[data-scriptless]")) note.hidden = true;
  const challenge = JSON.parse(form.dataset.altcha);
  const letters = new TextEncoder();
  const hex = (buffer) => Array.from(new Uint8Array(buffer), (octet) => octet.toString(16).padStart(2, "0")).join("");

  const solve = async () => {
    for (let number = 0; number <= challenge.max_number; number++) {
      const digest = await crypto.subtle.digest(challenge.algorithm, letters.encode(challenge.salt + number));
      if (hex(digest) === challenge.challenge) return number;
    }
    return null;
  };

  const proof = solve().then((number) => {
    const { algorithm, challenge: digest, salt, signature } = challenge;
    form.elements.altcha.value = btoa(JSON.stringify({ algorithm, challenge: digest, number, salt, signature }));
  });

  // Whoever is faster than the browser waits for it, and presses once all the same.
  form.addEventListener("submit", (event) => {
    if (form.elements.altcha.value) return;
    event.preventDefault();
    form.setAttribute("aria-busy", "true");
    proof.then(() => form.submit());
  });
})();
