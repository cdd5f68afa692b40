export { emptied, testReadModel } from './database.js'
export { actions, logOf, type Action, type Move } from './histories.js'
export { actualRows, expectedRows, type ComparableRows } from './rows.js'
export { letterOf } from './letters.js'
