/** What a mixture of float and integers showed. */
interface Judged {
  readonly secure: boolean
  /** Whether its answers make it secure, whatever the noise: a louder one may be secure as well. */
  readonly byAnswers: boolean
  /** Noise over signal at the worst output; null where there is none or it was not measured. */
  readonly noise: number | null
  /** What its roundings were foretold to add up to. */
  readonly expected: number
}

/** Mixtures that are built and judged for one candidate at most. */
const ATTEMPTS = 6
/** Budgets closer than this gain less than timing can show. */
const CLOSE_ENOUGH = 1.12
/**
 * The same where answers make secure: each step takes many selection rows, and the odds that these give wander by more
 * than a decibel and a half changes.
 */
const CLOSE_BY_ANSWERS = 10 ** (1.5 / 10)
/** What is foretold is aimed this much below the target, since it is never exact. */
const AIM = 0.95
/** A step down where the noise tells nothing. */
const FAR_DOWN = 4
/** The first step down where a mixture is as quiet as was aimed and still not secure: a decibel. The next is twice it. */
const BIT_DOWN = 10 ** (1 / 10)

/**
 * The largest budget of noise whose mixture of float and integers is secure: the larger the budget, the faster the
 * mixture. Powers of roundings add up only nearly, so what each mixture showed corrects the aim of the next. Where one
 * that is as quiet as was aimed is secure by its answers, louder ones are tried: what noise alone would rule out may
 * change next to no answer.
 *
 * @param target Noise over signal that a secure mixture may have.
 * @param whole What the candidate showed with every node in integers that is cheaper so.
 * @param judge Builds and judges the mixture of a budget; null where it cannot be had (time is up, or it equals another).
 */
export async function settleNoise<T extends Judged>(
  target: number,
  whole: Judged,
  judge: (budget: number) => Promise<T | null>,
): Promise<T | null> {
  let [secure, insecure] = [0, whole.expected]
  let last: Judged = whole
  let best: T | null = null
  let down = BIT_DOWN
  const settled = () => insecure <= secure * (best?.byAnswers ? CLOSE_BY_ANSWERS : CLOSE_ENOUGH)
  for (let attempt = 0; attempt < ATTEMPTS && !settled(); attempt++) {
    let budget = last.noise === null || last.noise === 0 ? null : (AIM * target * last.expected) / last.noise
    if (budget === null || budget <= secure || budget >= insecure * AIM) {
      // The noise tells nothing (labels decide), or points outside of what is open: between the two, on a scale of ratios.
      if (secure > 0) budget = Math.sqrt(secure * insecure)
      else if (budget === null) budget = insecure / FAR_DOWN
      else {
        budget = insecure / down
        down *= down
      }
    }
    const judged = await judge(budget)
    // An equal of one that was judged: nothing lies between the two budgets.
    if (!judged) break
    if (judged.secure) {
      secure = budget
      best = judged
      if (!judged.byAnswers && judged.noise !== null && judged.noise * CLOSE_ENOUGH >= target) break
    } else insecure = Math.min(budget, judged.expected)
    last = judged
  }
  return best
}
