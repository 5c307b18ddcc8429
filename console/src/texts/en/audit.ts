//! The words of the audit and of the vault's keys.

export const audit = {
  title: "Audit",
  means: "Who did what: every command, search, listen and change, as a chain of signed entries. An extract can be checked by others.",
  conditions: { who: "Who", action: "What was done", recording: "Recording", call: "Call", from: "From", to: "Until" },
  hints: { who: "The whole name of a login or key.", action: "Such as recording.listen, or recording for all that is done to one." } as Record<string, string>,
  find: "Find",
  extract: "Extract with signatures",
  csv: "As CSV",
  none: "Nothing fits.",
  number: "Number",
  at: "When",
  about: "To what",
  how: "How and why",
  outcome: "Outcome",
  outcomes: { done: "done", refused: "refused", failed: "failed" } as Record<string, string>,
};

export const vaultKeys = {
  title: "Keys of the vault",
  means: "What is stored is encrypted with these. A key that is replaced goes on reading what was written with it.",
  reads: "This recorder can play what it records.",
  readsNot: (why: string) => `This recorder cannot play what it records: ${why}`,
  id: "Key",
  kind: "For",
  kinds: { reading: "sound and manifests", state: "events" } as Record<string, string>,
  stand: "Stands",
  stands: { present: "in use", former: "replaced", destroyed: "destroyed" } as Record<string, string>,
  half: "Private half",
  here: "here and open",
  away: "not here",
  since: "Since",
  until: "Until",
  replace: "Replace",
  replaceOf: (kind: string) => `Replace the key of ${kind}`,
  sure: "What is recorded from now on is encrypted with a new key. Keep a copy of its private half before you trust it: without it nothing can be heard.",
  replaced: (before: string, after: string) => `Replaced: ${after} in place of ${before}.`,
};
