import { expect, it } from "vitest";
import { balanceChannels } from "./channelBalance.ts";

it("gives a narrow channel the step that its own grid would have", () => {
  const { factors, error, balancedError } = balanceChannels({ low: [0, 0], high: [100, 1], power: [1, 100] }, 8);
  expect(Array.from(factors)).toEqual([1, Math.fround(0.01)]);
  // Steps of 100/255 and 1/255, squared, over 12.
  expect(error).toBeCloseTo((101 * (100 / 255) ** 2) / 12, 6);
  expect(balancedError).toBeCloseTo(((100 / 255) ** 2 + 100 * (1 / 255) ** 2) / 12, 6);
});

it("leaves channels of one range, and dead ones, as they are", () => {
  const { factors, error, balancedError } = balanceChannels({ low: [0, 0, 0], high: [6, 6, 0], power: [1, 1, 1] }, 4);
  expect(Array.from(factors)).toEqual([1, 1, 1]);
  expect(balancedError).toBeLessThanOrEqual(error);
});

it("shares the grid out among positive and negative values by what they matter", () => {
  const near = (power: number[]) => balanceChannels({ low: [-1, 0], high: [0, 1], power }, 8).factors;
  const [negative, positive] = near([1, 1]);
  expect(negative! / positive!).toBeCloseTo(1, 1);
  const [rough, fine] = near([1, 1000]);
  expect(rough! / fine!).toBeGreaterThan(2);
});
