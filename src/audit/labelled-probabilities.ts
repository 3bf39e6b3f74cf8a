/** Labels of rows, and the probabilities of a model that was not trained on them (out of sample: by cross-validation). */
export interface LabelledProbabilities {
  readonly labels: readonly number[]
  readonly probabilities: readonly ArrayLike<number>[]
}

/** How far rounding may take a probability beyond 0 or 1. */
const ROUNDING = 1e-3

/** Throws a RangeError for what is no such thing; gives the number of classes. */
export function classesOf({ labels, probabilities }: LabelledProbabilities): number {
  if (labels.length !== probabilities.length)
    throw new RangeError(`${labels.length} labels for ${probabilities.length} rows of probabilities`)
  const classes = probabilities[0]?.length ?? 0
  if (classes < 2) throw new RangeError('label errors need rows, and two classes at least')
  for (const [row, label] of labels.entries()) {
    if (probabilities[row]!.length !== classes)
      throw new RangeError(`row ${row} has ${probabilities[row]!.length} probabilities, row 0 has ${classes}`)
    if (!(Number.isInteger(label) && label >= 0 && label < classes))
      throw new RangeError(`the label of row ${row} is ${label}: a class from 0 to ${classes - 1} is needed`)
    for (let k = 0; k < classes; k++)
      if (!(probabilities[row]![k]! >= -ROUNDING && probabilities[row]![k]! <= 1 + ROUNDING))
        throw new RangeError(
          `probability ${k} of row ${row} is ${probabilities[row]![k]}: numbers from 0 to 1 are needed; a softmax makes them of scores`,
        )
  }
  return classes
}
