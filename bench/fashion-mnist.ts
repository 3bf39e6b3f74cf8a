import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type Dataset, memoryDataset } from '../src/data/index.ts'

/** Where Debian's package `dataset-fashion-mnist` puts its four files. */
const FOLDER = '/usr/share/datasets/fashion-mnist'
const [SIDE, PADDED] = [28, 32]
/** Mean and deviation of the training pictures, as `resnet-fashion` takes them. */
const [MEAN, DEVIATION] = [0.286, 0.353]

/**
 * Fashion-MNIST (Xiao et al. 2017, 1708.07747): 60,000 rows to train on, or the 10,000 of the test set, as pictures of
 * [1, 32, 32] with two empty places around, and labels.
 *
 * @throws Error that says how to get it, where Debian's package is not installed.
 */
export async function fashionMnist(part: 'train' | 't10k'): Promise<Dataset> {
  const file = (name: string) => {
    const path = join(FOLDER, `${part}-${name}-ubyte.gz`)
    if (!existsSync(path)) throw new Error(`there is no ${path}: apt install dataset-fashion-mnist`)
    return gunzipSync(readFileSync(path))
  }
  // IDX: a header of 16 bytes before pictures, of 8 before labels.
  const [pixels, labels] = [file('images-idx3').subarray(16), file('labels-idx1').subarray(8)]
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
