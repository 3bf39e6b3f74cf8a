import { type Dataset, memoryDataset } from '../src/data/index.ts'
import { picturesOf, SIDE } from './fashion-pictures.ts'

/** Places that a picture has with the empty ones around it. */
const PADDED = 32
/** Mean and deviation of the training pictures, as `resnet-fashion` takes them. */
const [MEAN, DEVIATION] = [0.286, 0.353]

/**
 * Fashion-MNIST as rows of `x` [1, 32, 32], two empty places around a picture, and labels.
 *
 * @throws UserError as `picturesOf`.
 */
export async function fashionMnist(part: 'train' | 't10k'): Promise<Dataset> {
  const { pixels, labels } = picturesOf(part)
  const edge = (PADDED - SIDE) / 2
  const x = new Float32Array(labels.length * PADDED * PADDED).fill(-MEAN / DEVIATION)
  for (let row = 0; row < labels.length; row++)
    for (let i = 0; i < SIDE; i++)
      for (let j = 0; j < SIDE; j++)
        x[(row * PADDED + i + edge) * PADDED + j + edge] =
          (pixels[(row * SIDE + i) * SIDE + j]! / 255 - MEAN) / DEVIATION
  return memoryDataset(
    {
      x: { dtype: 'float32', dims: [labels.length, 1, PADDED, PADDED], data: x },
      labels: { dtype: 'int64', dims: [labels.length], data: BigInt64Array.from(labels, BigInt) },
    },
    {
      inputs: [{ name: 'x', dtype: 'float32', shape: [null, 1, PADDED, PADDED] }],
      label: 'labels',
      path: `Fashion-MNIST ${part}`,
    },
  )
}
