// Prints what mailparser reads in a message, in the form of mime_parsers.py.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { simpleParser } from "mailparser";

const mail = await simpleParser(readFileSync(0), { skipHtmlToText: true, skipTextToHtml: true, skipImageLinks: true });
const attached = mail.attachments.map((one) => [
  one.contentType,
  createHash("sha256").update(one.content).digest("hex"),
  (one.contentId ?? "").replace(/^<|>$/g, ""),
]);
process.stdout.write(
  JSON.stringify({ subject: mail.subject, from: mail.from.value[0].name, text: mail.text, html: mail.html || "", attached }),
);
