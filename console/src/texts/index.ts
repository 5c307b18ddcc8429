//! The texts of the console, in one language at a time. Another language is a file beside `en.ts` of type [`Texts`].

import { en } from "./en";

/** All texts there are. */
export type Texts = typeof en;

export const t: Texts = en;
