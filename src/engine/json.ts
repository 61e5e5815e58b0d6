/** A property of a value from outside; undefined where it has none. */
export function propertyOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}

/** A property that is a text; undefined for any other. */
export function textOf(value: unknown, key: string): string | undefined {
  const found = propertyOf(value, key);
  return typeof found === "string" ? found : undefined;
}
