import type { EdgeProps } from "@xyflow/react";
import { memo } from "react";
import type { FlowEdge } from "./flowNodes.ts";

/** An edge along the route that the layout found. */
export const RoutedEdge = memo(function RoutedEdge({ data }: EdgeProps<FlowEdge>) {
  return <path className={data?.faint ? "route faint" : "route"} d={data?.path} fill="none" />;
});
