"""An independent calculation of what an imported log means; shares no code with the product."""
