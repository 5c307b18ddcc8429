//! A recording client by hand, for what `sidetone call` does not do: a side goes on hold, and another call of the same session.
//! Plain SIP over UDP (RFC 3261, 7866) with metadata (RFC 7865), and RTP with a tone in G.711.

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

const FRAME_BYTES = 160;
const EVERY_MS = 20;

/** A call from the client: a caller on label 1, an agent's phone on label 2. */
export class Client {
  private readonly sip: Socket;
  private readonly legs: Socket[];
  private readonly id = `console-${process.pid}-${Date.now()}-${Math.floor(Math.random() * 1e6)}`;
  private readonly host: string;
  private readonly port: number;
  // One of its own: two calls with the same one would be copies.
  private readonly session = `${Array.from({ length: 22 }, () => "ABCDEFGHJKLMNPQRSTUVWXYZ"[Math.floor(Math.random() * 24)]).join("")}==`;
  private to = "";
  private cseq = 0;
  private media: number[] = [];
  private talking: ReturnType<typeof setInterval> | null = null;
  private frames = 0;

  private constructor(recorder: string, private readonly phone: string, private readonly number: string) {
    const [host, port] = recorder.split(":");
    this.host = host!;
    this.port = Number(port);
    this.sip = createSocket("udp4");
    this.legs = [createSocket("udp4"), createSocket("udp4")];
  }

  /** Places a call, and talks. */
  static async call(recorder: string, phone: string, number: string, ids: Record<string, string> = {}): Promise<Client> {
    const client = new Client(recorder, phone, number);
    for (const socket of [client.sip, ...client.legs]) {
      socket.bind(0, "127.0.0.1");
      await once(socket, "listening");
    }
    const parts = [
      ["application/sdp", "session", client.sdp()],
      ["application/rs-metadata+xml", "recording-session", client.metadata("complete", ["send1", "send2"])],
    ];
    const body = parts.map(([type, disposition, text]) => `--b\r\nContent-Type: ${type}\r\nContent-Disposition: ${disposition}\r\n\r\n${text}\r\n`).join("") + "--b--\r\n";
    const extra = Object.entries(ids).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const answer = await client.ask("INVITE", `Require: siprec\r\nAccept: application/sdp, application/rs-metadata+xml\r\n${extra}Content-Type: multipart/mixed;boundary=b\r\n`, body);
    client.to = /^To:.*?(;tag=[^\s;]+)/im.exec(answer)?.[1] ?? "";
    client.send("ACK", client.cseq, "", "");
    client.media = [...answer.matchAll(/^m=audio (\d+)/gm)].map((found) => Number(found[1]));
    client.talk();
    return client;
  }

  /** The caller's side is put on hold: nobody speaks into it any more. */
  async hold(): Promise<void> {
    await this.describe(["send2"]);
  }

  /** And is taken back. */
  async resume(): Promise<void> {
    await this.describe(["send1", "send2"]);
  }

  /** Hangs up. */
  async bye(): Promise<void> {
    if (this.talking) clearInterval(this.talking);
    await this.ask("BYE", "", "");
    for (const socket of [this.sip, ...this.legs]) socket.close();
  }

  private async describe(sends: string[]): Promise<void> {
    const extra = "Require: siprec\r\nContent-Type: application/rs-metadata+xml\r\nContent-Disposition: recording-session\r\n";
    await this.ask("UPDATE", extra, this.metadata("partial", sends));
  }

  private talk(): void {
    this.talking = setInterval(() => {
      for (const [at, leg] of this.legs.entries()) {
        const head = Buffer.alloc(12);
        head.writeUInt16BE(0x8000, 0);
        head.writeUInt16BE(this.frames & 0xffff, 2);
        head.writeUInt32BE(this.frames * FRAME_BYTES, 4);
        head.writeUInt32BE(7 + at, 8);
        // A square wave of 200 Hz.
        const tone = Buffer.from(Array.from({ length: FRAME_BYTES }, (_, n) => (n % 40 < 20 ? 0x9e : 0x1e)));
        leg.send(Buffer.concat([head, tone]), this.media[at]!, this.host);
      }
      this.frames += 1;
    }, EVERY_MS);
  }

  private sdp(): string {
    const lines = ["v=0", "o=src 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"];
    for (const [at, leg] of this.legs.entries()) {
      lines.push(`m=audio ${leg.address().port} RTP/AVP 0`, "a=rtpmap:0 PCMU/8000", "a=sendonly", `a=label:${at + 1}`);
    }
    return `${lines.join("\r\n")}\r\n`;
  }

  private metadata(mode: string, sends: string[]): string {
    const name = (letter: string) => `${letter.repeat(22)}==`;
    const [caller, agent, left, right] = ["c", "a", "l", "r"].map(name);
    const { session } = this;
    const said = (label: string, stream: string) => (sends.includes(`send${label}`) ? `<send>${stream}</send>` : "");
    const whole = mode === "complete"
      ? `<session session_id="${session}"/>
         <participant participant_id="${caller}"><nameID aor="sip:${this.number}@127.0.0.1"/></participant>
         <participant participant_id="${agent}"><nameID aor="sip:${this.phone}@127.0.0.1"/></participant>
         <stream stream_id="${left}" session_id="${session}"><label>1</label></stream>
         <stream stream_id="${right}" session_id="${session}"><label>2</label></stream>`
      : "";
    return `<?xml version="1.0" encoding="UTF-8"?><recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>${mode}</datamode>${whole}
      <participantstreamassoc participant_id="${caller}">${said("1", left!)}<recv>${right}</recv></participantstreamassoc>
      <participantstreamassoc participant_id="${agent}">${said("2", right!)}<recv>${left}</recv></participantstreamassoc></recording>`;
  }

  private async ask(method: string, extra: string, body: string): Promise<string> {
    this.cseq += 1;
    const cseq = this.cseq;
    for (let tries = 0; tries < 5; tries += 1) {
      const answered = new Promise<string | null>((done) => {
        const heard = (bytes: Buffer) => {
          const text = bytes.toString();
          if (/^SIP\/2\.0 [2-6]/.test(text) && new RegExp(`^CSeq: ${cseq} ${method}`, "im").test(text)) finish(text);
        };
        const timer = setTimeout(() => finish(null), 1_000 * (tries + 1));
        const finish = (text: string | null) => {
          clearTimeout(timer);
          this.sip.off("message", heard);
          done(text);
        };
        this.sip.on("message", heard);
      });
      this.send(method, cseq, extra, body);
      const answer = await answered;
      if (answer && !answer.startsWith("SIP/2.0 200")) throw new Error(`${method}: ${answer.split("\r\n")[0]}`);
      if (answer) return answer;
    }
    throw new Error(`no answer to ${method}`);
  }

  private send(method: string, cseq: number, extra: string, body: string): void {
    const own = `127.0.0.1:${this.sip.address().port}`;
    const head = [
      `${method} sip:recorder@${this.host} SIP/2.0`, `Via: SIP/2.0/UDP ${own};branch=z9hG4bK${this.id}${cseq}${method};rport`, "Max-Forwards: 70",
      `From: <sip:src@${own}>;tag=src`, `To: <sip:recorder@${this.host}>${this.to}`, `Call-ID: ${this.id}@127.0.0.1`, `CSeq: ${cseq} ${method}`,
      `Contact: <sip:src@${own}>;+sip.src`,
    ];
    this.sip.send(`${head.join("\r\n")}\r\n${extra}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`, this.port, this.host);
  }
}
