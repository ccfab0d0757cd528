// Dialogs: whoever had the focus gets it back, the frame too.

/** Open a dialog, until it is closed by its button or by Escape. */
export function open(dialog) {
  const before = document.activeElement;
  // Browsers do so themselves, but not for a frame.
  const giveBack = () => {
    const now = document.activeElement;
    if (now === document.body || dialog.contains(now)) before?.focus();
  };
  dialog.addEventListener("close", giveBack, { once: true });
  dialog.showModal();
}

for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
