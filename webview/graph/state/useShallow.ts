import { useRef } from "react";
import type { State } from "./state.ts";
import { useView } from "./store.ts";

/** Several parts of the state as one object, the same one as long as no part changes. */
export function useShallow<T extends object>(select: (state: State) => T): T {
  const last = useRef<T | undefined>(undefined);
  return useView((state) => {
    const next = select(state);
    const keys = Object.keys(next) as (keyof T)[];
    if (last.current && keys.every((key) => last.current![key] === next[key])) return last.current;
    last.current = next;
    return next;
  });
}
