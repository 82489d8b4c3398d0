/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a cell's Linux finds beside its CPUs and interrupt controllers: how it is switched off
 * (CL_SLEEP_TYPE_OFF), and the virtual UART with its interrupt (CL_VUART_PIN).
 */
DefinitionBlock ("", "DSDT", 2, "CLSTR", "CELL", 1)
{
	Name (\_S5, Package () { 5, 0, 0, 0 })
	Device (\_SB.COM1)
	{
		Name (_HID, EisaId ("PNP0501"))
		Name (_UID, 1)
		Name (_CRS, ResourceTemplate ()
		{
			IO (Decode16, 0x3f8, 0x3f8, 1, 8)
			Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 4 }
		})
	}
}
