//! What there is of a recording: a sealed one, one that is still made, or none.

import { t } from "../../texts";
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

/** Why sound does not come: the element itself does not say, and only an answer with a body does. */
export async function whyNoSound(url: string): Promise<string> {
  try {
    const answer = await fetch(url, { headers: { range: "bytes=0-0" } });
    if (!answer.ok) return said(await answer.json().catch(() => null));
    await answer.body?.cancel();
    return t.recording.player.cannot;
  } catch (error) {
    return said(error);
  }
}
