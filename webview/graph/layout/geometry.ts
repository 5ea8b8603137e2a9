/** @file What the layout takes and gives. Coordinates are absolute, in pixels, y downwards. */

export interface Point {
  x: number;
  y: number;
}

/** Top left corner and size. */
export interface Box extends Point {
  width: number;
  height: number;
}

/** A node with its size; a frame has the size that its children need. */
export interface LayoutNode {
  id: string;
  parent?: string;
  frame: boolean;
  width: number;
  height: number;
}

export interface LayoutEdge {
  id: string;
  from: string;
  to: string;
}

export interface LayoutRequest {
  nodes: LayoutNode[];
  edges: LayoutEdge[];
}

export interface Layout {
  boxes: Record<string, Box>;
  /** Points from the lower side of one node to the upper side of the other, by edge. */
  routes: Record<string, Point[]>;
  width: number;
  height: number;
}
