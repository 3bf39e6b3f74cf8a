import type { Dataset } from './dataset.ts'

/** Places of the first `most` of these rows, or of the whole set where none are named. */
export const firstRows = (data: Pick<Dataset, 'rows'>, indices: readonly number[] | undefined, most: number) =>
  (indices ?? Array.from({ length: data.rows }, (_, row) => row)).slice(0, most)
