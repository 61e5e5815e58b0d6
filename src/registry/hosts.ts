import { Refusal } from "../problem.ts";
import { saysRateLimit } from "../rate-limit.ts";
import { type Answer, describeAnswer } from "./answer.ts";

/** What is to be done where a registry does not take what is written to a repository; undefined where its own words have to do. */
export function hintOnWriting(
  place: { readonly registry: string; readonly repository: string },
  answer: Answer,
): string | undefined {
  const hint = hintOnWords(describeAnswer(answer, new Set()));
  return hint ?? (answer.status === 404 ? howToCreate(place) : undefined);
}

/** What is to be done by what a registry, or an engine that repeats it, says; undefined for what is not known. */
export function hintOnWords(said: string): string | undefined {
  if (/immutable|already exists/i.test(said))
    return "the registry's rule for tags that never change includes this one: it may hold for VERSION-STAMP alone";
  // Of requests, which pass, and not of what is stored.
  if (saysRateLimit(said)) return undefined;
  if (/quota|exceed.*limit/i.test(said)) return "free space there, or have the quota raised";
  return undefined;
}

/** Most registries make a repository when something is pushed to it; some want it to be made before. */
export function howToCreate({
  registry,
  repository,
}: {
  readonly registry: string;
  readonly repository: string;
}): string {
  const [, ecr] = /^\d+\.dkr\.ecr(?:-fips)?\.([\w-]+)\.amazonaws\.com(?:\.cn)?$/.exec(registry) ?? [];
  if (ecr !== undefined)
    return `create it: aws ecr create-repository --region ${ecr} --repository-name ${repository}`;
  const [, google] = /^([\w-]+)-docker\.pkg\.dev$/.exec(registry) ?? [];
  const [project = "PROJECT", name = "NAME"] = repository.split("/");
  if (google !== undefined)
    return `create it: gcloud artifacts repositories create ${name} --repository-format=docker --location=${google} --project=${project}`;
  return `create ${repository} in ${registry}, or the project that it belongs to`;
}

/** The refusal with another hint, where there is one. */
export function withHint(refusal: Refusal, hint: string | undefined): Refusal {
  if (hint === undefined) return refusal;
  return new Refusal(...refusal.problems.map((problem) => ({ ...problem, hint })));
}
