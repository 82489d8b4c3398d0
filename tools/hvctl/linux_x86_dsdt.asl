/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a cell's Linux finds beside its CPUs and interrupt controllers: how it is switched off
 * (CL_SLEEP_TYPE_OFF), the virtual UART with its interrupt (CL_VUART_PIN), and the power button,
 * whose interrupt (CL_BUTTON_PIN) is an event: ACPI 6.5, 4.8.2.2.2 and 5.6.9.
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
	Device (\_SB.PWRB)
	{
		Name (_HID, EisaId ("PNP0C0C"))
	}
	Device (\_SB.GED)
	{
		Name (_HID, "ACPI0013")
		Name (_CRS, ResourceTemplate ()
		{
			Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 5 }
		})
		Method (_EVT, 1, Serialized)
		{
			If (LEqual (Arg0, 5))
			{
				Notify (\_SB.PWRB, 0x80)
			}
		}
	}
}
