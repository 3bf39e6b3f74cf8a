import { expect, test } from 'vitest'
import { classFolders } from './class-folders.ts'

const files = (...ids: readonly string[]) => ids.map((id) => ({ id, file: `/data/${id}` }))
const labelled = (names: readonly string[] | undefined, ...ids: readonly string[]) => {
  const { rows, classNames, notes } = classFolders(files(...ids), names, 'data')
  return { labels: Object.fromEntries(rows.map(({ id, values }) => [id, values.label])), classNames, notes }
}

test('classes are numbered by name, by value where all are numbers, or as they are given', () => {
  expect(labelled(undefined, 'b/1.png', 'c/1.png', 'a/1.png')).toMatchObject({
    labels: { 'b/1.png': 1, 'c/1.png': 2, 'a/1.png': 0 },
    classNames: ['a', 'b', 'c'],
    notes: ['Labels are numbered by folder name: "0 a", "1 b", "2 c".'],
  })
  expect(labelled(undefined, '10/1.png', '2/1.png')).toMatchObject({
    classNames: ['2', '10'],
    notes: ['Labels are numbered by the number of the folder: "0 2", "1 10".'],
  })
  expect(labelled(undefined, '10/1.png', '2/1.png', 'x/1.png').classNames).toEqual(['10', '2', 'x'])
  expect(labelled(['dog', 'cat'], 'cat/1.png', 'dog/1.png')).toEqual({
    labels: { 'cat/1.png': 1, 'dog/1.png': 0 },
    classNames: ['dog', 'cat'],
    notes: [],
  })
  expect(() => labelled(['dog'], 'cat/1.png')).toThrow(/"cat" in "data" is none of the 1 classes/)
})

test('files beside the folders are left out with a note; where there are no folders, they are all', () => {
  const { labels, notes } = labelled(['a'], 'a/1.png', 'loose.png', 'other.png')
  expect(labels).toEqual({ 'a/1.png': 0 })
  expect(notes).toEqual(['2 files beside the class folders in "data" are left out.'])
  expect(labelled(undefined, 'loose.png')).toEqual({ labels: { 'loose.png': undefined }, notes: [] })
})

test('folders that all hold the same folders are told; one alone, or one that differs, is none of these', () => {
  const doubts = (...ids: readonly string[]) =>
    labelled(undefined, ...ids).notes.filter((note) => /were taken/.test(note))
  const split = ['train/a/1.png', 'train/b/1.png', 'val/a/1.png', 'val/b/1.png']
  expect(doubts(...split)).toHaveLength(1)
  expect(doubts(...split, 'zoo/a/1.png', 'zoo/c/1.png')).toEqual([])
  expect(doubts('train/a/1.png', 'train/b/1.png')).toEqual([])
})
