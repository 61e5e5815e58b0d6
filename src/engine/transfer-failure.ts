import { Refusal } from "../problem.ts";
import type { Problem } from "../problem.ts";
import { rateLimitHint, saysRateLimit } from "../rate-limit.ts";
import { TransientFailure } from "./engine.ts";

/** What the engine reports of a registry that another try may not meet, in the words of Docker and of Go's net/http. */
const transient =
  /\b(?:429|5\d\d)\b|\bEOF\b|connection re(?:set|fused)|broken pipe|timeout|deadline exceeded|temporary failure|server misbehaving|internal server error|bad gateway|unavailable|blob (?:upload )?(?:unknown|invalid)|unknown blob|closed network connection/i;

/** What an engine says that speaks HTTPS to a registry without it, or with a certificate of nobody it trusts. */
const notTrusted = /server gave HTTP response to HTTPS client|x509: |tls: failed to verify certificate/i;

function trustHint(registry: string): string {
  return `the engine has to trust ${registry}: give it the registry's CA certificate or, for one without HTTPS, "insecure-registries" in Docker's daemon.json, insecure = true in Podman's registries.conf`;
}

/** What an engine does with a registry. */
export type Transfer = "pull" | "push";

/** Says that a transfer has not moved for so long (ms). */
export function standstill(verb: Transfer, reference: string, patience: number): Refusal {
  const hint = "see whether the registry works";
  return new Refusal({
    ...transferProblem(verb, reference, `nothing has moved for ${patience / 1000} s`),
    hint,
  });
}

function transferProblem(verb: Transfer, reference: string, said: string): Problem {
  // A pull comes before there is anything to build: what lacks is around the run, not in it.
  const kind = verb === "push" ? "failure" : "surroundings";
  return { kind, message: `the ${verb} of ${reference} failed: ${said.trim()}` };
}

/**
 * What an engine said of a pull or push that failed, as a refusal with what to do; a `TransientFailure` where another try may
 * go better. `registry` is the one of the reference.
 */
export function transferFailure(verb: Transfer, reference: string, registry: string, said: string): Refusal {
  const problem = transferProblem(verb, reference, said);
  if (saysRateLimit(said)) return new TransientFailure({ ...problem, hint: rateLimitHint(registry) });
  if (/unauthorized|authentication required|no basic auth|incorrect username|\b401\b/i.test(said))
    return new Refusal({
      ...problem,
      hint: `log in with an account that may ${verb} there: docker login ${registry}`,
    });
  if (/denied|forbidden|\b403\b/i.test(said))
    return new Refusal({
      ...problem,
      hint: `the account lacks the permission to ${verb} there, or docker login ${registry} is missing: check both, and the repository's name`,
    });
  if (/does not exist locally|tag does not exist|image not known/i.test(said))
    return new Refusal({ ...problem, hint: "build it first" });
  if (notTrusted.test(said)) return new Refusal({ ...problem, hint: trustHint(registry) });
  if (/name[ _](?:unknown|invalid)|not found|\b404\b/i.test(said) && !/blob/i.test(said))
    return new Refusal({ ...problem, hint: `check that the repository exists in ${registry}, and its name` });
  // Docker's containerd store says this whatever the registry answered.
  if (transient.test(said) || /\berror from registry: /.test(said)) return new TransientFailure(problem);
  return new Refusal(problem);
}
