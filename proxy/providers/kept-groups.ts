/**
 * The groups that fit one of the patterns, in which * stands for any characters; all of them without patterns. What is
 * left out here is only left out of what the proxy says: an ID token stays whole.
 */
export function keptGroups(
  groups: readonly string[],
  patterns: readonly string[] | undefined,
): readonly string[] {
  if (patterns === undefined) return groups;
  const expressions = patterns.map(
    (pattern) => new RegExp(`^${pattern.split('*').map(escaped).join('.*')}$`, 's'),
  );
  return groups.filter((group) => expressions.some((expression) => expression.test(group)));
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
