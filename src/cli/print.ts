// What prints a report, loaded by whoever is about to: the bundle loads with this module what it names of that room alone.
export { renderTerminal } from '../view/index.ts'
