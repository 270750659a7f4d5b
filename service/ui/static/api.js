// How does the page speak with the service? By the public API, with the session's cookie.

import { askToSignIn, noteSession } from "./session.js";

const MOST_TRIES = 3;
const PAUSE_MILLISECONDS = 150;
const AWAY = { detail: "The service cannot be reached. Is it running?" };

/** What the service refused: `detail` in one sentence, and `errors` by place where it names some. */
export class ApiError extends Error {
  constructor(status, problem) {
    super(quoted(sentence(status, problem)));
    this.status = status;
    this.code = problem?.code ?? "";
    this.detail = problem?.detail ? quoted(problem.detail) : this.message;
    this.errors = (problem?.errors ?? []).map((each) => ({ ...each, message: quoted(each.message ?? "") }));
    /** Whether the same may be taken later: the service is away, or says so. */
    this.isPassing = status === 0 || status >= 500 || Boolean(problem?.retryable);
  }
}

export const unreachable = () => new ApiError(0, AWAY);

/**
 * Send a request; returns the JSON of the reply, or throws ApiError with the service's sentence. What
 * only reads is asked again a few times where that may help.
 */
export async function ask(method, path, body, headers = {}) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await send(method, path, body, headers);
    } catch (error) {
      if (method !== "GET" || !error.isPassing || tries === MOST_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS * 2 ** tries));
    }
  }
}

async function send(method, path, body, headers) {
  const isForm = body instanceof FormData;
  const sent = { ...headers, Accept: "application/json", "X-Requested-With": "Matchstream" };
  if (body !== undefined && !isForm) sent["Content-Type"] = "application/json";
  let reply;
  let text;
  try {
    reply = await fetch(path, {
      method,
      headers: sent,
      body: body === undefined || isForm ? body : JSON.stringify(body),
    });
    text = await reply.text();
  } catch {
    throw unreachable();
  }
  return take(reply.status, text);
}

/** Read a reply: its JSON, or throw what it says. */
export function take(status, text) {
  if (status === 401) {
    askToSignIn();
    return new Promise(() => {}); // the page is about to leave
  }
  noteSession();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    // an answer of something between us and the service
  }
  if (status < 200 || status > 299) throw new ApiError(status, answer);
  return answer;
}

/** Write a path with a query; what is empty is left out. */
export function withQuery(path, values) {
  const given = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

export const runPath = (id) => `/v1/matching/runs/${id}`;

/** The config that a run was made with, as it is now; null where it was deleted. */
export async function configOf(run) {
  try {
    return await ask("GET", `/v1/matching/configs/${run.matching_config_id}`);
  } catch (error) {
    if (error.status !== 404) throw error;
    return null;
  }
}

/** The service marks names as developers do; people are shown quotes. */
const quoted = (text) => text.replace(/`([^`]*)`/g, "“$1”");

function sentence(status, problem) {
  if (!problem?.detail) return `The service answered with ${status}.`;
  const places = (problem.errors ?? [])
    .filter((each) => each.message !== problem.detail)
    .map((each) => [each.row ? `row ${each.row}` : "", each.column ?? each.pointer ?? "", each.message].filter(Boolean).join(": "));
  return [problem.detail, ...places].join(" ");
}
