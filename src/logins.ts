/** Text without the logins of the URLs in it: `https://***@host/`. */
export function withoutLogins(text: string): string {
  return text.replaceAll(/(?<=:\/\/)[^\s/]+@/g, "***@");
}
