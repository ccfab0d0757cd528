// npm's mjml for peers.py: each line on stdin is a JSON text of MJML, each answer on stdout a JSON text of HTML.
// One process compiles one text when it is measured cold, and one after another when warm.
import { createInterface } from "node:readline";
import mjml2html from "mjml";

for await (const line of createInterface({ input: process.stdin })) {
  // Unchecked and unminified: the least that mjml can be asked to do.
  const { html } = await mjml2html(JSON.parse(line), { validationLevel: "skip", fonts: {} });
  process.stdout.write(JSON.stringify(html) + "\n");
}
