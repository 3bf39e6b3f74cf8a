/** What a metric tells, for people who do not know its name; the answers of `topK` and its like are counted instead. */
const words: Readonly<Record<string, string>> = {
  'balanced-accuracy': 'the share of answers that are right, every class weighing alike',
  'macro-f1': 'hits held against misses and false alarms, every class weighing alike',
  auroc: 'how often a row of a class is scored above one that is not of it; half of the time is guessing',
  aupr: 'how many of the rows that it picks for a class are of it',
  eer: 'the share of mistakes where misses are as frequent as false alarms',
  brier: 'how far its probabilities are from what is true, squared',
  nll: 'how improbable it finds the right answers',
  ece: 'how far the certainty that it claims is from the share that it gets right',
  aurc: 'how many mistakes are among the answers that it is surest of',
  mae: 'how far its answers are from the right ones on average',
  rmse: 'how far its answers are from the right ones, large misses counting more',
  r2: 'how much of the differences between rows it explains; 1 is all of them',
  miou: 'how much of the areas that it marks and of the right ones is common to both',
  dice: 'how well the areas that it marks cover the right ones',
  cer: 'how many letters are wrong, for each letter of the right text',
  wer: 'how many words are wrong, for each word of the right text',
  spearman: 'how well it puts rows into the right order; 1 is perfectly',
  perplexity: 'between how many tokens it hesitates',
  'next-token': 'how often its likeliest token is the right one',
  detection: 'how well its boxes find the objects that are there',
}

/** A sentence on what a metric by name tells; null for a user's own, and where rows are simply right or wrong. */
export function metricInWords(name: string): string | null {
  const known = name.split(/[:,]/)[0]!
  return Object.hasOwn(words, known) ? `It tells ${words[known]}.` : null
}
