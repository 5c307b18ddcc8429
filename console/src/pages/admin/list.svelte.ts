//! A list of the recorder's, kept up by events.

import { lookAgain } from "../../events.svelte";
import { type Fault, tried } from "./fault";

/** What was listed, and what went wrong with it. Call it while a component is made. */
export class Listed<T> {
  /** What there is; null while it is not known. */
  is = $state.raw<T | null>(null);
  fault = $state.raw<Fault | null>(null);

  constructor(
    private readonly ask: () => Promise<{ data?: T; error?: unknown; response: Response }>,
    kinds: string[],
  ) {
    $effect(() => {
      void this.look();
      return lookAgain(kinds, () => void this.look());
    });
  }

  /** Looks again. */
  look = async (): Promise<void> => {
    const { data, fault } = await tried(this.ask());
    this.fault = fault;
    if (data !== null) this.is = data;
  };
}
