export { actualRows, expectedRows, type ComparableRows } from './rows.js'
