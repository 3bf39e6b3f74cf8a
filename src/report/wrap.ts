/** Words onto lines of at most this width; a number keeps its per cent sign. */
export function wrap(text: string, width: number): readonly string[] {
  const lines = ['']
  for (const word of text.split(/ (?!%)/)) {
    const line = lines.at(-1)!
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines
}
