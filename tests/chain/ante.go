// Owns what happens to a transaction before its messages run: irita's fixed gas, the SDK's checks, the permissions.

package main

import (
	"fmt"
	"math"

	"github.com/bianjieai/iritamod/modules/perm"
	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"
	"github.com/cosmos/cosmos-sdk/x/auth/ante"
)

// gasPerMessage is what every message costs, whatever it does.
const gasPerMessage = 200000

// fixedGasMeter has spent its whole amount from the start and takes no more.
type fixedGasMeter struct{ limit, spent sdk.Gas }

func (m fixedGasMeter) GasConsumed() sdk.Gas         { return m.spent }
func (m fixedGasMeter) GasConsumedToLimit() sdk.Gas  { return m.spent }
func (m fixedGasMeter) Limit() sdk.Gas               { return m.limit }
func (fixedGasMeter) ConsumeGas(_ sdk.Gas, _ string) {}
func (fixedGasMeter) RefundGas(_ sdk.Gas, _ string)  {}
func (m fixedGasMeter) IsPastLimit() bool            { return m.spent > m.limit }
func (m fixedGasMeter) IsOutOfGas() bool             { return m.spent > m.limit }
func (m fixedGasMeter) String() string               { return fmt.Sprintf("fixed gas %d of %d", m.spent, m.limit) }

// fixedGas replaces the SDK's set-up decorator: it must be the outermost one.
type fixedGas struct{}

func (fixedGas) AnteHandle(ctx sdk.Context, tx sdk.Tx, simulate bool, next sdk.AnteHandler) (sdk.Context, error) {
	gasTx, ok := tx.(ante.GasTx)
	if !ok {
		return ctx.WithGasMeter(fixedGasMeter{}), sdkerrors.Wrap(sdkerrors.ErrTxDecode, "Tx must be GasTx")
	}
	need, limit := sdk.Gas(gasPerMessage*len(tx.GetMsgs())), gasTx.GetGas()
	if simulate || ctx.BlockHeight() == 0 {
		limit = math.MaxInt64
	}
	ctx = ctx.WithGasMeter(fixedGasMeter{limit: limit, spent: need})
	if need > limit {
		return ctx, sdkerrors.Wrapf(sdkerrors.ErrOutOfGas, "out of gas in location: tx_msg_consume; gasWanted: %d, gasUsed: %d", limit, need)
	}
	return next(ctx, tx, simulate)
}

// registerPermissions says which roles may send the messages of which module; what is not named here is open to all.
func registerPermissions(k *perm.Keeper) {
	for _, module := range []string{"node", "slashing", "upgrade"} {
		k.RegisterModuleAuth(module, perm.RoleRootAdmin, perm.RoleNodeAdmin)
	}
	k.RegisterModuleAuth("params", perm.RoleRootAdmin, perm.RoleParamAdmin)
	for _, msg := range []sdk.Msg{&perm.MsgAssignRoles{}, &perm.MsgUnassignRoles{}} {
		k.RegisterMsgAuth(msg, perm.RoleRootAdmin, perm.RolePermAdmin, perm.RolePowerUserAdmin)
	}
	for _, msg := range []sdk.Msg{&perm.MsgBlockAccount{}, &perm.MsgUnblockAccount{}, &perm.MsgBlockContract{}, &perm.MsgUnblockContract{}} {
		k.RegisterMsgAuth(msg, perm.RoleRootAdmin, perm.RoleBlacklistAdmin)
	}
}

func (app *chain) anteHandler() sdk.AnteHandler {
	return sdk.ChainAnteDecorators(
		fixedGas{},
		ante.NewRejectExtensionOptionsDecorator(),
		ante.NewMempoolFeeDecorator(),
		ante.NewValidateBasicDecorator(),
		ante.NewTxTimeoutHeightDecorator(),
		ante.NewValidateMemoDecorator(app.accounts),
		ante.NewConsumeGasForTxSizeDecorator(app.accounts),
		ante.NewSetPubKeyDecorator(app.accounts),
		ante.NewValidateSigCountDecorator(app.accounts),
		ante.NewDeductFeeDecorator(app.accounts, app.bank, app.feegrants),
		ante.NewSigGasConsumeDecorator(app.accounts, ante.DefaultSigVerificationGasConsumer),
		ante.NewSigVerificationDecorator(app.accounts, app.encoding.TxConfig.SignModeHandler()),
		ante.NewIncrementSequenceDecorator(app.accounts),
		perm.NewAuthDecorator(app.perms),
	)
}
