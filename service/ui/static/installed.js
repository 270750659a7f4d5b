// What can this installation do that others may lack? Whether a key for the AI is set, and Parquet is read.

import { ask } from "./api.js";

/** `{has_ai, reads_parquet}`, asked anew each time: who sets a key starts the service again, not the page. */
export const installed = async () => (await ask("GET", "/v1/session")).service;
