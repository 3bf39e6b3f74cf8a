import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { UserError } from '../src/index.ts'

/** Where Debian's `dataset-fashion-mnist` puts its files. */
const FOLDER = '/usr/share/datasets/fashion-mnist'
/** Places of a picture in a row, and its rows. */
export const SIDE = 28

export interface Pictures {
  readonly count: number
  /** Grey values, a picture after the other. */
  readonly pixels: Uint8Array
  readonly labels: Uint8Array
}

/**
 * Fashion-MNIST (Xiao et al. 2017, 1708.07747): 60,000 pictures to train on, or the 10,000 of the test set. Its files are
 * IDX: a magic number, the sizes as big-endian words, then bytes.
 *
 * @throws UserError where Debian's package is not installed, or its files are not as expected.
 */
export function picturesOf(part: 'train' | 't10k'): Pictures {
  const [images, labels] = [`${part}-images-idx3-ubyte.gz`, `${part}-labels-idx1-ubyte.gz`].map((name) => {
    const path = join(FOLDER, name)
    if (!existsSync(path))
      throw new UserError('missing-file', `Fashion-MNIST is not there: ${path}`, {
        where: path,
        hint: 'apt-get install dataset-fashion-mnist (Debian); this measurement needs its 60,000 training rows',
      })
    return gunzipSync(readFileSync(path))
  }) as [Buffer, Buffer]
  const count = images.readUInt32BE(4)
  const right =
    images.readUInt32BE(0) === 0x803 &&
    labels.readUInt32BE(0) === 0x801 &&
    labels.readUInt32BE(4) === count &&
    images.readUInt32BE(8) === SIDE &&
    images.readUInt32BE(12) === SIDE &&
    images.length === 16 + count * SIDE * SIDE
  if (!right) throw wrong(`${part} is no IDX file of ${SIDE}×${SIDE} pictures with labels`)
  return { count, pixels: images.subarray(16), labels: labels.subarray(8) }
}

/** What is wrong with the set, as the error that says how to get it whole. */
export const wrong = (what: string): UserError =>
  new UserError('bad-data', `The rows are not what this measurement needs: ${what}.`, {
    where: FOLDER,
    hint: 'apt-get install --reinstall dataset-fashion-mnist',
  })
