//! What there is of a recording: a sealed one, one that is still made, or none.

import { api, got, Refused, said, type Schemas } from "../../api/client";

/** What was found under an id. */
export type Found =
  | { is: "sealed"; recording: Schemas["RecordingItem"] }
  | { is: "live"; call: Schemas["CallSummary"]; recording: Schemas["CallRecording"] }
  | { is: "none"; status: number; why: string };

/** Looks a recording up. */
export async function lookUp(id: string): Promise<Found> {
  try {
    return { is: "sealed", recording: await got(api.GET("/v1/recordings/{id}", { params: { path: { id } } })) };
  } catch (error) {
    if (!(error instanceof Refused)) return { is: "none", status: 0, why: said(error) };
    if (error.status !== 404) return { is: "none", status: error.status, why: error.message };
    const calls = await got(api.GET("/v1/calls", { params: { query: {} } })).catch(() => null);
    for (const call of calls?.items ?? []) {
      const recording = call.recordings.find((it) => it.id === id);
      if (recording) return { is: "live", call, recording };
    }
    return { is: "none", status: 404, why: error.message };
  }
}

/** Why sound does not come: the element itself does not say. `HEAD` is no listen. */
export async function whyNoSound(url: string): Promise<string> {
  try {
    const head = await fetch(url, { method: "HEAD" });
    if (head.ok) return "";
    // Only an answer with a body says why; that none was heard is not written down as a listen.
    const answer = await fetch(url, { headers: { range: "bytes=0-0" } });
    return said(await answer.json().catch(() => null));
  } catch (error) {
    return said(error);
  }
}
