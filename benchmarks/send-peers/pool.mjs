// nodemailer's pool, as one would use it for a list: ten connections that are kept, a message made for each reader.
import { readFileSync } from "node:fs";
import { createTransport } from "nodemailer";

const task = JSON.parse(readFileSync(process.argv[2], "utf8"));
const transport = createTransport({
    host: "127.0.0.1",
    port: task.port,
    secure: false,
    ignoreTLS: true,
    pool: true,
    maxConnections: task.connections,
    maxMessages: Infinity,
});
const waiting = task.readers.values();

async function work() {
    for (const reader of waiting) {
        await transport.sendMail({
            from: task.sender,
            to: { name: reader.name, address: reader.address },
            envelope: { from: task.envelope, to: reader.address },
            subject: task.subject.replaceAll(task.mark, reader.name),
            headers: task.headers,
            text: task.text.replaceAll(task.mark, reader.name),
            html: task.html.replaceAll(task.mark, reader.name),
        });
    }
}

// Twice as many are handed over as there are connections, so that none of these ever waits for the next.
await Promise.all(Array.from({ length: 2 * task.connections }, work));
transport.close();
