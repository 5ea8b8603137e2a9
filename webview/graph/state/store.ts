/** @file The one store of the view. */
import { useSyncExternalStore } from "react";
import { initialState, type State } from "./state.ts";

let state = initialState;
const listeners = new Set<() => void>();

export function getState(): State {
  return state;
}

export function setState(change: Partial<State>): void {
  state = { ...state, ...change };
  for (const listener of listeners) listener();
}

/** What `select` takes from the state; the component is drawn again when that is another value. */
export function useView<T>(select: (state: State) => T): T {
  return useSyncExternalStore(subscribe, () => select(state));
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
