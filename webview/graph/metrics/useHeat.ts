import { useMemo } from "react";
import { useShallow } from "../state/useShallow.ts";
import { currentHeat, type HeatMap } from "./heatMap.ts";

export function useHeat(): HeatMap {
  const view = useShallow(({ model, drawing, shown, other, comparing, sensitivity, details, nodeData, colour }) => {
    return { model, drawing, shown, other, comparing, sensitivity, details, nodeData, colour };
  });
  return useMemo(() => currentHeat(view), [view]);
}
