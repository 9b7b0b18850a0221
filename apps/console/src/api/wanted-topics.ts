/** What each tab wants to follow, and when it last said so. */
export type Wants = Map<string, { readonly topics: readonly string[]; readonly at: number }>;

/** The platform takes as many on one stream. */
const MOST_TOPICS = 20;

/**
 * The topics of all tabs, each once, in an order that does not depend on who asked first. A tab that was killed says
 * nothing any more: who was silent since `silentSince` is forgotten. What is `gone` is not asked for. Where there are too
 * many, those that the most tabs share come first; the others are read every ten seconds, as without a stream.
 */
export const topicsToAsk = (
  wants: Wants,
  silentSince: number,
  gone: ReadonlySet<string>,
): readonly string[] => {
  const counts = new Map<string, number>();
  for (const [tab, { topics, at }] of wants) {
    if (at < silentSince) wants.delete(tab);
    else for (const topic of topics) if (!gone.has(topic)) counts.set(topic, (counts.get(topic) ?? 0) + 1);
  }
  return [...counts]
    .sort(([nameA, a], [nameB, b]) => b - a || nameA.localeCompare(nameB))
    .slice(0, MOST_TOPICS)
    .map(([name]) => name)
    .sort();
};
