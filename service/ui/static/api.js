// How does the page speak with the service? By the public API, with the session's cookie.

export class ApiError extends Error {
  constructor(status, problem) {
    super(sentence(status, problem));
    this.status = status;
    this.code = problem?.code ?? "";
  }
}

/** Send a request; returns the JSON of the reply, or throws ApiError with the service's sentence. */
export async function ask(method, path, body, headers = {}) {
  const isForm = body instanceof FormData;
  const sent = { ...headers, Accept: "application/json", "X-Requested-With": "Matchstream" };
  if (body !== undefined && !isForm) sent["Content-Type"] = "application/json";
  let reply;
  try {
    reply = await fetch(path, {
      method,
      headers: sent,
      body: body === undefined || isForm ? body : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, { detail: "The service cannot be reached. Is it running?" });
  }
  if (reply.status === 401) {
    location.assign("/login");
    return new Promise(() => {}); // the page is about to leave
  }
  const text = await reply.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    // an answer of something between us and the service
  }
  if (!reply.ok) throw new ApiError(reply.status, answer);
  return answer;
}

/** Write a path with a query; what is empty is left out. */
export function withQuery(path, values) {
  const given = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

export const runPath = (id) => `/v1/matching/runs/${id}`;

function sentence(status, problem) {
  if (!problem?.detail) return `The service answered with ${status}.`;
  const places = (problem.errors ?? [])
    .filter((each) => each.message !== problem.detail)
    .map((each) => [each.row ? `row ${each.row}` : "", each.column ?? each.pointer ?? "", each.message].filter(Boolean).join(": "));
  return [problem.detail, ...places].join(" ");
}
